#!/bin/sh
# bytes.sh TYPE ALIGNMENT BINARY OUTPUT: the bytes that Recompute.ld made as assembly
# that defines the function of one type, aligned to 2^ALIGNMENT. A string is what an
# assembler reads fastest.
{
  printf '\t.text\n\t.p2align %s\nattn_rt_recompute_%s:\n' "$2" "$1"
  od -An -v -to1 -w64 "$3" | sed -e 's/ /\\/g' -e 's/.*/\t.ascii "&"/'
} > "$4"
