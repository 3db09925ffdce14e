"""Declarations of the option file's fixed sections, for reading, checking, editors and docs.

Networks, losses, metrics, optimizers and schedulers are declared by the signatures of their classes, data sets beside
their readers (`hcl_arch.data.dataset_options`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any, Literal

from pydantic import Field

from hcl_arch.option_checks.limits import LARGEST_NUMBER
from hcl_arch.utils.option_fields import FLAG, SECTION, TEXT, Is, OptionSection, count, is_whole, number, whole

# Each process adds its rank to the seed, and numpy accepts at most 32 bits.
_HIGHEST_SEED = 2**32 - 1 - 10_000
SEED = Is(
    f'a whole number from 0 to {_HIGHEST_SEED}', lambda value: is_whole(value, 0) and value <= _HIGHEST_SEED,
    {'type': 'integer', 'minimum': 0, 'maximum': _HIGHEST_SEED},
).or_null()  # fmt: skip
_GPUS = Is(
    "a whole number of at least 0 or 'auto'", lambda value: value == 'auto' or is_whole(value, 0),
    {'anyOf': [{'type': 'integer', 'minimum': 0}, {'const': 'auto'}]},
)  # fmt: skip
_NETWORKS = Is('a list of networks', lambda value: isinstance(value, (list, str)), {'type': ['array', 'string']})
_PORT = Is(
    'a port from 1 to 65535', lambda value: is_whole(value, 1) and value < 2**16,
    {'type': 'integer', 'minimum': 1, 'maximum': 65535},
)  # fmt: skip
# Checked elsewhere, with more than the section itself.
ELSEWHERE = Is('any value', lambda value: True, {})
_FILE = replace(ELSEWHERE, schema={'type': ['string', 'null']})
_WEIGHT = number(0, below=LARGEST_NUMBER)
_SECTION = replace(SECTION, nullable=True)


class TopSection(OptionSection):
    """An option file."""

    name: Annotated[str, TEXT] = Field(description='how the run and its folder are called')
    model_type: Annotated[Any, ELSEWHERE] = Field(description='the registered name of the model')
    num_gpu: Annotated[Any, _GPUS] = Field(description='the number of GPUs, or auto')
    network_g: Annotated[Any, ELSEWHERE] = Field(description='the network')
    path: Annotated[Any, ELSEWHERE] = Field(
        description='the option file needs a section `path:`, such as `path: {resume_state: ~}`'
    )
    datasets: Annotated[Any, ELSEWHERE] = Field(description='the data sets')
    scale: Annotated[int, whole(1)] = Field(1, description='1; other scales are for super-resolution')
    manual_seed: Annotated[Any, SEED] = Field(None, description='of all random numbers; null = another one each time')
    reset_schedule: Annotated[bool, FLAG] = Field(
        False, description="whether a resumed training takes the file's learning rates and scheduler, not the state's"
    )
    find_unused_parameters: Annotated[bool, FLAG] = Field(
        False, description='whether distributed training looks for parameters without a gradient'
    )
    network_d: Annotated[Any, ELSEWHERE] = Field(None, description='the discriminator')
    train: Annotated[Any, ELSEWHERE] = Field(None, description='how to train')
    val: Annotated[Any, ELSEWHERE] = Field(None, description='how to validate or test')
    logger: Annotated[Any, ELSEWHERE] = Field(None, description='what to log and to save')
    dist_params: Annotated[Any, ELSEWHERE] = Field(None, description='of the process group')
    precision: Annotated[Any, ELSEWHERE] = Field('fp32', description='fp32, bf16 or fp16')
    weight_gradients: Literal['auto', 'contiguous', 'channels_last'] = Field(
        'auto', description='memory layout from which weight gradients are computed on a CPU; auto: the faster one'
    )
    compile: Annotated[Any, ELSEWHERE] = Field(False, description='whether torch.compile compiles the networks')
    plugin: Annotated[Any, ELSEWHERE] = Field(None, description="loads this package in BasicSR's own scripts")


class PathSection(OptionSection):
    """Files that a run reads, and how."""

    pretrain_network_g: Annotated[Any, _FILE] = Field(None, description='weights of the network: a file or a model')
    pretrain_network_d: Annotated[Any, _FILE] = Field(None, description='file of weights of the discriminator')
    resume_state: Annotated[Any, _FILE] = Field(None, description='file of a training to go on with')
    strict_load_g: Annotated[bool, FLAG] = Field(True, description='whether the weights have to fit exactly')
    strict_load_d: Annotated[bool, FLAG] = Field(True, description='the same of the discriminator')
    param_key_g: Annotated[Any, TEXT.or_null()] = Field('params', description='entry of the file: params or params_ema')
    ignore_resume_networks: Annotated[Any, _NETWORKS.or_null()] = Field(
        None, description='networks that resuming does not load'
    )


class TrainSection(OptionSection):
    """The training."""

    total_iter: Annotated[float, count(1)] = Field(description='the iterations of the training')
    optim_g: Annotated[Any, ELSEWHERE] = Field(
        description='the optimizer of the network, such as {type: Adam, lr: 0.0001}'
    )
    scheduler: Annotated[Any, ELSEWHERE] = Field(
        description='the course of the learning rate, such as {type: MultiStepLR, milestones: [], gamma: 0.5}'
    )
    optim_d: Annotated[Any, ELSEWHERE] = Field(None, description='the optimizer of the discriminator')
    warmup_iter: Annotated[float, count(-1)] = Field(-1, description='iterations in which the learning rate rises')
    ema_decay: Annotated[float, number(0, 1)] = Field(0, description='of the averaged weights; 0 = none')
    phase1_iter: Annotated[float, count(0)] = Field(0, description='iterations in which the true mask guides')
    true_mask_share: Annotated[float, number(0, 1)] = Field(
        0, description='share of the later iterations in which it still guides'
    )
    detector_iter: Annotated[float, count(0)] = Field(0, description='iterations that train the detector alone')
    accumulation_steps: Annotated[Any, ELSEWHERE] = Field(1, description='parts that a batch is computed in')
    max_skipped_steps: Annotated[Any, ELSEWHERE] = Field(
        None, description='steps in a row that may be skipped because they are not finite'
    )
    mask_opt: Annotated[Any, _SECTION] = Field(None, description='cross-entropy of classified pixels')
    classifier_opt: Annotated[Any, _SECTION] = Field(None, description='cross-entropy of cluster centres')
    pixel_opt: Annotated[Any, ELSEWHERE] = Field(None, description='loss of pixels')
    perceptual_opt: Annotated[Any, ELSEWHERE] = Field(None, description='perceptual loss of the restored image')
    perceptual_coarse_opt: Annotated[Any, ELSEWHERE] = Field(None, description='the same of the coarse image')
    texture_opt: Annotated[Any, ELSEWHERE] = Field(None, description='loss of texture statistics')
    gan_opt: Annotated[Any, ELSEWHERE] = Field(None, description='adversarial loss')
    contrastive_opt: Annotated[Any, ELSEWHERE] = Field(None, description='contrastive loss of the embeddings')
    output_opt: Annotated[Any, ELSEWHERE] = Field(None, description="a baseline's own loss of all that it gives")


class MaskLossSection(OptionSection):
    """`mask_opt`, which the model computes itself."""

    loss_weight: Annotated[float, _WEIGHT] = Field(1.0, description='of the cross-entropy')
    iou_weight: Annotated[float, _WEIGHT] = Field(0.0, description='of one minus the soft intersection over union')
    lovasz_weight: Annotated[float, _WEIGHT] = Field(
        0.0, description='of the Lovasz hinge of the intersection over union'
    )


class ClassifierLossSection(OptionSection):
    """`classifier_opt`, which the model computes itself."""

    loss_weight: Annotated[float, _WEIGHT] = Field(1.0, description='of the cross-entropy of cluster centres')
    pixel_weight: Annotated[float, _WEIGHT] = Field(0.0, description='of the same for every pixel')


class ValSection(OptionSection):
    """Validation and test."""

    val_freq: Annotated[float, count(1)] = Field(description='the iterations between two validations')
    save_img: Annotated[bool, FLAG] = Field(description='whether to save the restored images')
    pbar: Annotated[bool, FLAG] = Field(True, description='whether to show a progress bar')
    suffix: Annotated[Any, TEXT.or_null()] = Field(None, description='behind the names of saved images')
    metrics: Annotated[Any, _SECTION] = Field(None, description='name -> metric')
    max_save_img: Annotated[Any, whole(0).or_null()] = Field(None, description='images to save at most; null = all')
    panel_images: Annotated[int, whole(0)] = Field(0, description='images of the panel in TensorBoard')
    hole_share_bins: Annotated[Any, ELSEWHERE] = Field(None, description='ranges of hole shares with own scores')
    reverse: Annotated[bool, FLAG] = Field(False, description='whether to restore with the mask turned round as well')
    guidance: Annotated[Any, ELSEWHERE] = Field('predicted', description='the mask that guides: predicted or true')


class LoggerSection(OptionSection):
    """What is logged and saved."""

    print_freq: Annotated[float, count(1)] = Field(description='the iterations between two lines of the log')
    save_checkpoint_freq: Annotated[float, count(1)] = Field(description='the iterations between two checkpoints')
    use_tb_logger: Annotated[bool, FLAG] = Field(description='whether to write for TensorBoard')
    keep_checkpoints: Annotated[Any, whole(1).or_null()] = Field(None, description='newest ones to keep; null = all')
    wandb: Annotated[Any, _SECTION] = Field(None, description='of Weights & Biases')


class WandbSection(OptionSection):
    """Weights & Biases."""

    project: Annotated[Any, TEXT.or_null()] = Field(None, description='name of the project')
    resume_id: Annotated[Any, TEXT.or_null()] = Field(None, description='of a run to go on with')


class DistSection(OptionSection):
    """The process group."""

    backend: Annotated[str, TEXT] = Field('nccl', description='nccl or gloo')
    port: Annotated[int, _PORT] = Field(29500, description='of the first process')


def missing(section: type[OptionSection], options: Mapping[Any, Any]) -> dict[str, str]:
    """Required options that are missing or null, with their meaning."""
    return {
        field.alias or name: str(field.description) for name, field in section.model_fields.items()
        if field.is_required() and options.get(field.alias or name) is None
    }  # fmt: skip
