// Writes 3 to the last of n scratch elements and reads it back.
func.func @fill(%n: index, %out: memref<2xf32> {attn.result}) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %x = arith.constant 3.0 : f32
  %m = memref.alloc(%n) : memref<?xf32>
  %last = arith.subi %n, %c1 : index
  memref.store %x, %m[%last] : memref<?xf32>
  %y = memref.load %m[%last] : memref<?xf32>
  memref.store %y, %out[%c0] : memref<2xf32>
  memref.dealloc %m : memref<?xf32>
  return
}
