#!/bin/sh
# Interesting to attn-reduce (exit status 1): the module still has a softcap.
! grep -q attn.score.softcap "$1"
