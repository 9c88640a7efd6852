"""The verbs as Python functions, and the build folder."""
