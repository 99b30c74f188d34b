#include "fleet.h"

#include <gtest/gtest.h>
