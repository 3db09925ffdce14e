"""This package inside other projects' programs; each module needs the project that it is named after."""
