#!/usr/bin/python
# stub of the lead, until the real one is written here by the modules helper: overwrite it
