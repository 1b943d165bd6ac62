"""The architectures, one paper a file. Importing a file registers its variants."""
