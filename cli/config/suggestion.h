#pragma once

#include <span>
#include <string>
#include <string_view>

namespace dispatchctl::cli {

/// The candidate that was most likely meant, or empty when none is near enough to be a slip of the finger.
std::string_view NearestMatch(std::string_view text, std::span<const std::string_view> candidates);

/// A hint that asks whether the nearest candidate was meant, or `otherwise` when none is near.
std::string DidYouMean(std::string_view text, std::span<const std::string_view> candidates,
                       std::string otherwise);

}  // namespace dispatchctl::cli
