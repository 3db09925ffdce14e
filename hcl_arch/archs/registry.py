"""The registry of this package's networks, which works without BasicSR.

Importing BasicSR takes longer than repairing a photograph. So commands build networks by their registered names without
it. `hcl_arch.plugin` also enters every network into BasicSR's ARCH_REGISTRY.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Callable, Optional, TypeVar

from torch import nn

Network = TypeVar('Network', bound='type[nn.Module]')


class ArchRegistry:
    """Networks by class name; other names are looked up in BasicSR's registry."""

    def __init__(self) -> None:
        self._own: dict[str, type[nn.Module]] = {}
        self._basicsr: Any = None

    def register(self) -> Callable[[Network], Network]:
        """Decorator that registers a network by the name of its class."""

        def note(network: Network) -> Network:
            self._own[network.__name__] = network
            if self._basicsr is not None:
                self._basicsr.register(network)
            return network

        return note

    def enter_into(self, registry: Any) -> None:
        """Register all networks, and those still to come, in BasicSR's ARCH_REGISTRY as well."""
        if self._basicsr is None:
            self._basicsr = registry
            for network in self._own.values():
                registry.register(network)

    def __iter__(self) -> Iterator[tuple[str, type[nn.Module]]]:
        """Names and networks: ours and, where it is installed, BasicSR's."""
        return iter({**self._own, **self._others()}.items())

    def _others(self) -> dict[str, Any]:
        try:
            from basicsr.utils.registry import ARCH_REGISTRY
        except ImportError:
            return {}
        return dict(iter(ARCH_REGISTRY))  # its own `keys` would mislead `dict`

    def find(self, name: Any) -> Optional[Callable[..., nn.Module]]:
        """The network of this name, ours or one registered in BasicSR; None if there is neither."""
        if not isinstance(name, str) or name in self._own:
            return self._own.get(name)
        known = self._others()
        return known.get(name, known.get(f'{name}_basicsr'))

    def build(self, options: Mapping[str, Any]) -> nn.Module:
        """Build a network from options as in an option file: its name as ``type``, and its arguments.

        Raises:
            KeyError: No network of this name is registered.
        """
        arguments = {key: value for key, value in options.items() if key != 'type'}
        network = self.find(options['type'])
        if network is None:
            known = ', '.join(sorted(self._own))
            raise KeyError(f'type: no network is registered as {options["type"]!r}. Ours are {known}.')
        return network(**arguments)


ARCHS = ArchRegistry()
