#!/usr/bin/python
# stub
