# How to add to attn.
#
# Every room of lib/ is an object library; all of them together are libAttn, the
# one library that tools, plugin, Python and other projects link.

# The headers of MLIR that most sources include, parsed once: without it they
# are three quarters of the time of a build.
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/AttnPCH.cpp CONTENT "")
add_library(AttnPCH OBJECT ${PROJECT_BINARY_DIR}/AttnPCH.cpp)
target_precompile_headers(AttnPCH PRIVATE
  <mlir/Dialect/Affine/IR/AffineOps.h>
  <mlir/Dialect/Arith/IR/Arith.h>
  <mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h>
  <mlir/Dialect/ControlFlow/IR/ControlFlowOps.h>
  <mlir/Dialect/Func/IR/FuncOps.h>
  <mlir/Dialect/GPU/IR/GPUDialect.h>
  <mlir/Dialect/LLVMIR/NVVMDialect.h>
  <mlir/Dialect/Linalg/IR/Linalg.h>
  <mlir/Dialect/Math/IR/Math.h>
  <mlir/Dialect/MemRef/IR/MemRef.h>
  <mlir/Dialect/SCF/IR/SCF.h>
  <mlir/Dialect/Tensor/IR/Tensor.h>
  <mlir/Dialect/Vector/IR/VectorOps.h>
  <mlir/Interfaces/TilingInterface.h>
  <mlir/Pass/PassManager.h>
  <mlir/Transforms/GreedyPatternRewriteDriver.h>)
if(CMAKE_CXX_COMPILER_ID MATCHES "Clang")
  # Lets ccache see that two such files are the same.
  target_compile_options(AttnPCH PUBLIC "SHELL:-Xclang -fno-pch-timestamp")
endif()

# attn_precompile_headers(TARGET): compiles its sources with these headers. Code
# of programs is then position-independent as that of libraries is: one file of
# parsed headers serves both.
function(attn_precompile_headers target)
  target_precompile_headers(${target} REUSE_FROM AttnPCH)
  get_target_property(type ${target} TYPE)
  if(type STREQUAL "EXECUTABLE")
    target_compile_options(${target} PRIVATE -fPIC)
  endif()
endfunction()

# add_attn_library(NAME sources...)
function(add_attn_library name)
  add_library(${name} OBJECT ${ARGN})
  attn_precompile_headers(${name})
  add_dependencies(${name} attn-headers)
  set_property(GLOBAL APPEND PROPERTY ATTN_LIBRARIES ${name})
endfunction()

# attn_tablegen(TD_FILE -gen-x=output.inc ...): headers from one .td file.
function(attn_tablegen td)
  set(LLVM_TARGET_DEFINITIONS ${td})
  foreach(rule ${ARGN})
    string(REGEX MATCH "^(.*)>(.*)$" _ ${rule})
    set(output ${CMAKE_MATCH_2})
    string(REPLACE "|" ";" flags ${CMAKE_MATCH_1})
    mlir_tablegen(${output} ${flags})
  endforeach()
  file(RELATIVE_PATH stem ${PROJECT_SOURCE_DIR}/include ${CMAKE_CURRENT_SOURCE_DIR}/${td})
  string(MAKE_C_IDENTIFIER ${stem} stem)
  set(target attn-tablegen-${stem})
  add_public_tablegen_target(${target})
  add_dependencies(attn-headers ${target})
endfunction()

# add_attn_doc(TD_FILE OUTPUT.md -gen-x ...): a generated page of docs/.
function(add_attn_doc td output)
  set(LLVM_TARGET_DEFINITIONS ${td})
  tablegen(MLIR ${output} ${ARGN} "-I${MLIR_MAIN_INCLUDE_DIR}" "-I${MLIR_INCLUDE_DIR}")
  set(page ${PROJECT_BINARY_DIR}/docs/${output})
  add_custom_command(OUTPUT ${page}
    COMMAND ${CMAKE_COMMAND} -E copy ${CMAKE_CURRENT_BINARY_DIR}/${output} ${page}
    DEPENDS ${CMAKE_CURRENT_BINARY_DIR}/${output})
  string(MAKE_C_IDENTIFIER ${output} target)
  add_custom_target(attn-doc-${target} DEPENDS ${page})
  add_dependencies(attn-doc attn-doc-${target})
endfunction()

# add_attn_tool(NAME sources...)
function(add_attn_tool name)
  add_executable(${name} ${ARGN})
  attn_precompile_headers(${name})
  target_link_libraries(${name} PRIVATE Attn MLIR LLVM)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()

# attn_link_archives(TARGET): links attn, MLIR and LLVM into a program, from their
# archives alone. Code at fixed addresses leaves nothing to the loader.
function(attn_link_archives target)
  get_property(rooms GLOBAL PROPERTY ATTN_LIBRARIES)
  foreach(room ${rooms})
    target_sources(${target} PRIVATE $<TARGET_OBJECTS:${room}>)
  endforeach()
  get_property(libraries GLOBAL PROPERTY MLIR_ALL_LIBS)
  list(APPEND libraries ${LLVM_AVAILABLE_LIBS})
  set(archives)
  foreach(library ${libraries})
    set(archive ${ATTN_LLVM_PREFIX}/lib/lib${library}.a)
    if(EXISTS ${archive})
      list(APPEND archives ${archive})
    endif()
  endforeach()
  # What LLVM's own library links; there are no headers to find it by.
  find_library(ATTN_ZSTD NAMES zstd libzstd.so.1 REQUIRED)
  find_library(ATTN_ZLIB NAMES z libz.so.1 REQUIRED)
  get_property(others GLOBAL PROPERTY ATTN_LINK_LIBRARIES)
  target_link_options(${target} PRIVATE -no-pie -static-libstdc++ -static-libgcc
    -Wl,--gc-sections,--as-needed $<$<CONFIG:Release>:-Wl,--strip-all>)
  target_link_libraries(${target} PRIVATE -Wl,--start-group ${archives}
    -Wl,--end-group ${others} ${ATTN_ZSTD} ${ATTN_ZLIB} m dl)
endfunction()
