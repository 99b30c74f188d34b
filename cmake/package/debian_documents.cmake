# Run by cpack between installing and packing: changelogs, copyright and what lintian is to let pass for each package,
# manual pages compressed.
# The date is SOURCE_DATE_EPOCH's where it is set, so that the same source makes the same packages.

function(compress file)
  # Without name and time in it, for the same reason.
  execute_process(COMMAND gzip -9nf "${file}" COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(ENV{LC_ALL} C)
if(DEFINED ENV{SOURCE_DATE_EPOCH})
  execute_process(COMMAND date -u -R -d "@$ENV{SOURCE_DATE_EPOCH}" OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE
    COMMAND_ERROR_IS_FATAL ANY)
else()
  execute_process(COMMAND date -u -R OUTPUT_VARIABLE date OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
endif()
file(READ "${DISPATCHCTL_CHANGELOG}" changelog)
string(REPLACE "%DATE%" "${date}" changelog "${changelog}")

foreach(pair IN LISTS DISPATCHCTL_DOCUMENTS)
  string(REGEX MATCH "^(.*)=(.*)$" pair "${pair}")
  set(root "${CPACK_TEMPORARY_INSTALL_DIRECTORY}/${CMAKE_MATCH_1}/usr")
  set(documents "${root}/share/doc/${CMAKE_MATCH_2}")
  file(GLOB pages "${root}/share/man/man*/*.[1-9]")
  foreach(page IN LISTS pages)
    compress("${page}")
  endforeach()
  file(WRITE "${documents}/changelog.Debian" "${changelog}")
  compress("${documents}/changelog.Debian")
  file(COPY_FILE "${DISPATCHCTL_SOURCE}/CHANGELOG.md" "${documents}/changelog")
  compress("${documents}/changelog")
  file(COPY_FILE "${DISPATCHCTL_SOURCE}/cmake/package/copyright" "${documents}/copyright")
  set(overrides "${DISPATCHCTL_SOURCE}/cmake/package/${CMAKE_MATCH_2}.lintian-overrides")
  if(EXISTS "${overrides}")
    file(MAKE_DIRECTORY "${root}/share/lintian/overrides")
    configure_file("${overrides}" "${root}/share/lintian/overrides/${CMAKE_MATCH_2}" COPYONLY NO_SOURCE_PERMISSIONS)
  endif()
  file(CHMOD_RECURSE "${documents}"
    FILE_PERMISSIONS OWNER_READ OWNER_WRITE GROUP_READ WORLD_READ
    DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
endforeach()
