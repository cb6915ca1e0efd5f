"""What is looked at where something does not work: the machine, what is installed, the files."""
