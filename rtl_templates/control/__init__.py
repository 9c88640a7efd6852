"""Control: phases, registers, ends of tensors."""
