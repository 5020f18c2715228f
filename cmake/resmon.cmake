# What every target of the project shares, and the two functions that declare libraries and programs.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  add_compile_options(-Wthread-safety) # base/thread_annotations.h
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # GCC 12 reports these inside the standard library's own inlined code; the sanitizer builds cover what they look for.
  add_compile_options(-Wno-maybe-uninitialized -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds
                      -Wno-stringop-overread -Wno-dangling-pointer -Wno-mismatched-new-delete)
endif()
add_compile_options(-ffunction-sections -fdata-sections -fstack-protector-strong)
add_link_options(-Wl,--gc-sections -Wl,-z,relro -Wl,-z,now)

# Asio and Beast compile their non-template parts once, in lib/net, instead of in every file that includes them.
add_compile_definitions(BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                        BOOST_ASIO_DISABLE_BOOST_ARRAY)

find_package(Threads REQUIRED)

# Static libraries first: a binary that is copied to another machine needs nothing there but the C library.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a .so)
set(OPENSSL_USE_STATIC_LIBS ON)
set(Boost_USE_STATIC_LIBS ON)

# Several files are compiled as one: their headers, which are most of a compile, are read and instantiated once. A batch is small
# enough that a change of one file is built in seconds. Under the sanitizers each target is one file, and that build takes about half
# the time. Unnamed namespaces of a library have no name twice.
set(CMAKE_UNITY_BUILD ON)
set(CMAKE_UNITY_BUILD_BATCH_SIZE 8)
if(CMAKE_CXX_FLAGS_DEBUG MATCHES "sanitize")
  set(CMAKE_UNITY_BUILD_BATCH_SIZE 0)
  add_compile_options(-Wno-shadow) # of a whole target as one file it says that a parameter hides what another file is using
endif()
add_compile_options($<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>) # says of a type in an included .cc what holds for headers

# When a test is taken to hang. Under the sanitizers and in an emulator some run five times as long.
set(test_seconds 120)
if(CMAKE_CXX_FLAGS_DEBUG MATCHES "sanitize")
  set(test_seconds 300)
elseif(CMAKE_CROSSCOMPILING)
  set(test_seconds 900)
endif()

# How NAME_test is compiled, and where its tests are found.
function(resmon_tests name)
  # What is tested is compiled as it ships; optimising the tests' own code would take as long again.
  target_compile_options(${name}_test PRIVATE -O0)
  if(CMAKE_CROSSCOMPILING)
    target_compile_definitions(${name}_test PRIVATE RESMON_EMULATED) # base/test_rounds.h
  endif()
  # As one file: reading and instantiating what they all include is most of compiling them.
  set_target_properties(${name}_test PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0)
  # DISABLED ones are no tests but what a test starts as a process of its own.
  gtest_discover_tests(${name}_test TEST_PREFIX ${name}. TEST_FILTER -*DISABLED_* DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${test_seconds})
endfunction()

# resmon_library(NAME [DEPS lib…] [LINK external…] [TEST_DEPS lib…] [FOLDERS folder…] [READS_SOURCES])
# A library from every .cc in its folder and in the FOLDERS within, but the tests. DEPS are resmon libraries by folder name:
# `resmon test lint` fails on an #include that they do not cover, and on one from a folder of one that comes later in FOLDERS. Every
# *_test.cc goes into one program, NAME_test; those that READS_SOURCES know where the sources are, as RESMON_SOURCE_DIR.
function(resmon_library name)
  cmake_parse_arguments(ARG "READS_SOURCES" "" "DEPS;LINK;TEST_DEPS;FOLDERS" ${ARGN})
  list(TRANSFORM ARG_FOLDERS APPEND /*.cc)
  file(GLOB sources CONFIGURE_DEPENDS *.cc ${ARG_FOLDERS})
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND resmon_ OUTPUT_VARIABLE deps)
  if(sources)
    add_library(resmon_${name} STATIC ${sources})
    target_include_directories(resmon_${name} PUBLIC ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(resmon_${name} PUBLIC ${deps} ${ARG_LINK} Threads::Threads)
  else()
    add_library(resmon_${name} INTERFACE)
    target_include_directories(resmon_${name} INTERFACE ${PROJECT_SOURCE_DIR}/lib)
    target_link_libraries(resmon_${name} INTERFACE ${deps} ${ARG_LINK} Threads::Threads)
  endif()
  if(RESMON_TESTS AND tests AND (NOT RESMON_TESTED OR name IN_LIST RESMON_TESTED))
    list(TRANSFORM ARG_TEST_DEPS PREPEND resmon_ OUTPUT_VARIABLE test_deps)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE resmon_${name} ${test_deps} GTest::gmock GTest::gtest_main)
    if(ARG_READS_SOURCES) # the others' compiles are the same in every checkout, which ccache makes use of
      target_compile_definitions(${name}_test PRIVATE RESMON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
    resmon_tests(${name})
  endif()
endfunction()

# resmon_program(NAME [DEPS lib…] [LINK external…] [STATIC] [READS_SOURCES]): a binary build/bin/NAME from every .cc in
# its folder; STATIC: with the C library in it. Every *_test.cc goes into NAME_test, with all of the program but main.cc. READS_SOURCES: as
# above.
function(resmon_program name)
  cmake_parse_arguments(ARG "STATIC;READS_SOURCES" "" "DEPS;LINK" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cc)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "(_test|/main)\\.cc$")
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(TRANSFORM ARG_DEPS PREPEND resmon_ OUTPUT_VARIABLE deps)
  add_library(${name}_parts OBJECT ${sources})
  target_link_libraries(${name}_parts PUBLIC ${deps} ${ARG_LINK})
  target_compile_definitions(${name}_parts PUBLIC RESMON_VERSION="${RESMON_VERSION}")
  add_executable(${name} main.cc)
  target_link_libraries(${name} PRIVATE ${name}_parts)
  if(RESMON_TESTS AND tests AND (NOT RESMON_TESTED OR name IN_LIST RESMON_TESTED))
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name}_parts GTest::gmock GTest::gtest_main)
    if(ARG_READS_SOURCES)
      target_compile_definitions(${name}_test PRIVATE RESMON_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
    endif()
    resmon_tests(${name})
  endif()
  if(CMAKE_CXX_FLAGS_DEBUG MATCHES "sanitize")
    target_compile_options(${name} PRIVATE -O0)
    target_compile_options(${name}_parts PRIVATE -O0)
  elseif(ARG_STATIC)
    target_link_options(${name} PRIVATE -static-pie)
  else()
    target_link_options(${name} PRIVATE -static-libstdc++ -static-libgcc)
  endif()
endfunction()
