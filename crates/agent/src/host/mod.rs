//! What the real drivers need on a host: daemons in a network namespace of their own, and facts about the machine.
