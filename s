#!/usr/bin/bash
echo script "$@"
