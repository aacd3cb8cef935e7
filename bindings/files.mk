# The bindings: SWIG modules, their tests and examples.
