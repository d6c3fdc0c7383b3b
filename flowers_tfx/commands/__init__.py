"""What the commands of `flowers` do once their arguments are parsed."""
