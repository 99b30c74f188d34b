#include "dispatchctl/secret_file.h"

#include <absl/strings/str_cat.h>
#include <absl/strings/str_format.h>
#include <sys/stat.h>

#include "contract/text.h"

namespace dispatchctl {
inline namespace DISPATCHCTL_ABI {

std::vector<std::string> CheckSecretFile(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return {};
  const bool group = (status.st_mode & (S_IRGRP | S_IWGRP)) != 0;
  const bool others = (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
  if (!group && !others) return {};
  return {absl::StrCat(internal::Quoted(path), " holds a secret, but is open to ",
                       group && others ? "its group and everybody else"
                       : group         ? "its group"
                                       : "everybody",
                       absl::StrFormat(" (mode %04o): chmod 600 it", status.st_mode & 07777U))};
}

}  // namespace DISPATCHCTL_ABI
}  // namespace dispatchctl
