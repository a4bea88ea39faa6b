# How to add to attn.
#
# Every room of lib/ is an object library; all of them together are libAttn, the
# one library that tools, plugin, Python and other projects link.

# add_attn_library(NAME sources...)
function(add_attn_library name)
  add_library(${name} OBJECT ${ARGN})
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
  get_filename_component(stem ${td} NAME_WE)
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
  target_link_libraries(${name} PRIVATE Attn MLIR LLVM)
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endfunction()
