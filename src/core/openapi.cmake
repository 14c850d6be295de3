# Writes the OpenAPI document as a C text: cmake -DOUT=FILE -DFROM=openapi.json -P openapi.cmake
file(READ ${FROM} bytes HEX)
string(LENGTH "${bytes}" digits)
math(EXPR length "${digits} / 2")
# Twenty bytes a line.
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "\\\\x\\1" bytes "${bytes}")
string(REPEAT "\\\\x[0-9a-f][0-9a-f]" 20 piece)
string(REGEX REPLACE "(${piece})" "\\1\"\n  \"" bytes "${bytes}")
file(WRITE ${OUT} "#include \"core/openapi.h\"\n\nconst size_t core_openapi_bytes = ${length};\nconst char core_openapi[] =\n  \"${bytes}\";\n")
