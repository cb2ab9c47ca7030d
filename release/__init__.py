"""What turns the project into packages; hosts never have it."""
