"""Several small exact products on one wide multiplier."""
