# Of conf/registry.cfg, the world of the examples, what an installation begins with: what each key means, and nobody who
# may switch anything.
/^# This file is the small world/,/^#$/c\
# Nobody is let in yet. An example with every rule is examples/registry.cfg in the folder of the documentation.\
#
/^[a-z]+ = \($/,/^\);$/ {
  /^[a-z]+ = \($/!{
    /^\);$/!d
  }
}
