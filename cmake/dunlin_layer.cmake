# One target a layer. A layer links the layers below it and nothing above: tools/check_layers checks the includes.

# Flags for our own targets only; nothing global.
add_library(dunlin_flags INTERFACE)
# GCC 12 warns of overlapping memcpy in std::string's own operator+ (GCC bug 105329): -Wno-restrict. Fields that
# designated initialisers leave out have their defaults on purpose.
target_compile_options(dunlin_flags INTERFACE
  -Wall -Wextra -Werror $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict> -Wno-missing-field-initializers -fno-math-errno -ffp-contract=off)
if(DUNLIN_SANITIZE)
  # -O1 -g1 names every function and line, and compiles in less than half the time of -O2 -g.
  target_compile_options(dunlin_flags INTERFACE
    -O1 -g1 -fsanitize=${DUNLIN_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(dunlin_flags INTERFACE -fsanitize=${DUNLIN_SANITIZE})
endif()
if(DUNLIN_FUZZ)
  # What AddressSanitizer sees as well; without them a build takes a quarter less time. Warnings are g++'s matter.
  target_compile_options(dunlin_flags INTERFACE -fno-sanitize=null,vptr,object-size,function -Wno-error)
endif()

# dunlin_layer(NAME SOURCES a.cc b.cc DEPENDS base tensor LIBRARIES fmt::fmt)
function(dunlin_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LIBRARIES" ${ARGN})
  add_library(dunlin_${name} STATIC ${ARG_SOURCES})
  target_include_directories(dunlin_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/src>)
  foreach(dep ${ARG_DEPENDS})
    target_link_libraries(dunlin_${name} PUBLIC dunlin_${dep})
  endforeach()
  target_link_libraries(dunlin_${name} PUBLIC ${ARG_LIBRARIES} PRIVATE $<BUILD_INTERFACE:dunlin_flags>)
endfunction()

# dunlin_test(LAYER a_test.cc b_test.cc ...): one test binary a layer; every GoogleTest case is a CTest case. Suites
# whose name begins with Soak are the long ones: they carry that label.
function(dunlin_test layer)
  if(NOT DUNLIN_TESTS)
    return()
  endif()
  add_executable(${layer}_test ${ARGN})
  target_link_libraries(${layer}_test PRIVATE dunlin_${layer} dunlin_flags GTest::gmock GTest::gtest_main)
  target_compile_options(${layer}_test PRIVATE -Wno-dangling-else)  # EXPECT_EQ under an if
  target_compile_definitions(${layer}_test PRIVATE DUNLIN_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  include(GoogleTest)
  gtest_discover_tests(${layer}_test TEST_PREFIX "${layer}." TEST_FILTER -Soak* DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300)
  gtest_discover_tests(${layer}_test TEST_PREFIX "${layer}." TEST_FILTER Soak* TEST_LIST ${layer}_soak
    DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 1800 LABELS soak)
endfunction()

# Sources of a catalog: each line NAME(CamelCase) of FILE names DIR/camel_case.cc.
function(dunlin_catalog out file dir)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${file})
  file(STRINGS ${file} lines REGEX "^[A-Z_]+\\([A-Za-z0-9]+\\)")
  set(sources)
  foreach(line ${lines})
    string(REGEX REPLACE "^[A-Z_]+\\(([A-Za-z0-9]+)\\).*" "\\1" name ${line})
    string(REPLACE NaN Nan name ${name})
    string(REGEX REPLACE "([a-z0-9])([A-Z])" "\\1_\\2" name ${name})
    string(TOLOWER ${name} name)
    list(APPEND sources ${dir}/${name}.cc)
  endforeach()
  set(${out} ${sources} PARENT_SCOPE)
endfunction()
