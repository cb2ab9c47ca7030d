"""Where tests take place: stands, fakes, what makes sockets and faults."""
