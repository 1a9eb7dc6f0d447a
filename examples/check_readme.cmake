# Fails unless README.md shows the code between the two [hello] marks of hello.c as it is.
cmake_minimum_required(VERSION 3.25)

file(READ ${CMAKE_CURRENT_LIST_DIR}/hello.c source)
file(READ ${CMAKE_CURRENT_LIST_DIR}/../README.md readme)

set(mark "//! [hello]\n")
string(LENGTH "${mark}" mark_size)
string(FIND "${source}" "${mark}" begin)
string(FIND "${source}" "${mark}" end REVERSE)
math(EXPR begin "${begin} + ${mark_size}")
math(EXPR size "${end} - ${begin}")
if(size LESS 100)
    message(FATAL_ERROR "hello.c has lost its marks")
endif()
string(SUBSTRING "${source}" ${begin} ${size} code)

string(FIND "${readme}" "${code}" position)
if(position EQUAL -1)
    message(FATAL_ERROR "README.md does not show the code of examples/hello.c as it is")
endif()
