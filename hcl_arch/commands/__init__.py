"""The commands, one room or file each. Their `main` imports what a command needs when it runs."""
