# Filled in by the package: headers, libdunlin, CMake package, .deb
