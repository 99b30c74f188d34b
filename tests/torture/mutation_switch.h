#pragma once

#include <cstdlib>
#include <fstream>
#include <type_traits>
#include <utility>

// What mutation_check.py writes into sources, so that one program has many mutants: each is told by its
// number, and the environment names the one that is active. An operator between two operands becomes two of
// the same with a value in between, `a < b` being `a < Less{} < b`, which groups as the original does.
namespace mutation {

inline const int active = std::getenv("MUTANT") == nullptr ? 0 : std::atoi(std::getenv("MUTANT"));

// Leaves the file behind that the environment names: the active mutant was met, not computed away.
inline bool Reached() {
  static const bool told = [] {
    const char* const file = std::getenv("MUTANT_REACHED");
    if (file != nullptr) std::ofstream(file).put('\n');
    return true;
  }();
  return told;
}

constexpr bool On(int number) {
  return !std::is_constant_evaluated() && number != 0 && number == active && Reached();
}

// The program has been asked for a mutant that would not compile.
constexpr int kNotBuilt = 77;

// In braces, where no number may be narrowed.
template <class T>
struct Number {
  T value;
  template <class To>
  constexpr operator To() const {
    return static_cast<To>(value);
  }
};

template <int number, bool least>
struct Bound {
  template <class T>
  static constexpr const T& Of(const T& a, const T& b) {
    return On(number) != least ? (b < a ? b : a) : (a < b ? b : a);
  }
};

// What a switch looks at, as if it had no `label`.
template <int number, class T>
constexpr T Without(T value, T label) {
  constexpr auto kOther = static_cast<T>(122);
  return value == label && On(number) ? kOther : value;
}

template <class Tag, class Left>
struct HalfDone {
  Left left;
};

template <class Tag, class Right>
struct HalfAssigned {
  Right right;
};

// `first`, `second`: numbers of the mutants that use the operators of those names instead; 0 for none.
#define MUTATION_APPLY(number, op)                                              \
  if (On(number)) {                                                             \
    if constexpr (requires { left op right; }) {                                \
      if constexpr (std::is_convertible_v<decltype(left op right), Original>) { \
        return static_cast<Original>(left op right);                            \
      } else {                                                                  \
        std::_Exit(kNotBuilt);                                                  \
      }                                                                         \
    } else {                                                                    \
      std::_Exit(kNotBuilt);                                                    \
    }                                                                           \
  }

#define MUTATION_OPERATOR(Name, op, first_op, second_op)                                  \
  template <int first, int second = 0>                                                    \
  struct Name {                                                                           \
    template <class Left>                                                                 \
    friend constexpr HalfDone<Name, Left&&> operator op(Left&& left, Name) {              \
      return {std::forward<Left>(left)};                                                  \
    }                                                                                     \
    template <class Left, class Right>                                                    \
    friend constexpr auto operator op(HalfDone<Name, Left> done, Right&& right_operand) { \
      auto&& left = std::forward<Left>(done.left);                                        \
      auto&& right = right_operand;                                                       \
      using Original = std::decay_t<decltype(left op right)>;                             \
      MUTATION_APPLY(first, first_op)                                                     \
      MUTATION_APPLY(second, second_op)                                                   \
      return static_cast<Original>(left op right);                                        \
    }                                                                                     \
  };

MUTATION_OPERATOR(Less, <, <=, >=)
MUTATION_OPERATOR(LessEqual, <=, <, >)
MUTATION_OPERATOR(Greater, >, >=, <=)
MUTATION_OPERATOR(GreaterEqual, >=, >, <)
MUTATION_OPERATOR(Equal, ==, !=, !=)
MUTATION_OPERATOR(NotEqual, !=, ==, ==)
MUTATION_OPERATOR(Plus, +, -, -)
MUTATION_OPERATOR(Minus, -, +, +)
MUTATION_OPERATOR(Times, *, /, /)
MUTATION_OPERATOR(Over, /, *, *)
MUTATION_OPERATOR(Modulo, %, *, *)
MUTATION_OPERATOR(ShiftLeft, <<, >>, >>)
MUTATION_OPERATOR(ShiftRight, >>, <<, <<)
MUTATION_OPERATOR(And, &, |, |)
MUTATION_OPERATOR(Or, |, &, &)

#define MUTATION_ASSIGNMENT(Name, op, other)                                      \
  template <int number>                                                           \
  struct Name {                                                                   \
    template <class Right>                                                        \
    friend constexpr HalfAssigned<Name, Right&&> operator op(Name, Right&& r) {   \
      return {std::forward<Right>(r)};                                            \
    }                                                                             \
    template <class Left, class Right>                                            \
    friend constexpr Left& operator op(Left& left, HalfAssigned<Name, Right> r) { \
      if (On(number)) {                                                           \
        if constexpr (requires { left other std::forward<Right>(r.right); }) {    \
          left other std::forward<Right>(r.right);                                \
        } else {                                                                  \
          std::_Exit(kNotBuilt);                                                  \
        }                                                                         \
      } else {                                                                    \
        left op std::forward<Right>(r.right);                                     \
      }                                                                           \
      return left;                                                                \
    }                                                                             \
  };

MUTATION_ASSIGNMENT(PlusAssigned, +=, -=)
MUTATION_ASSIGNMENT(MinusAssigned, -=, +=)
MUTATION_ASSIGNMENT(TimesAssigned, *=, /=)
MUTATION_ASSIGNMENT(OverAssigned, /=, *=)
MUTATION_ASSIGNMENT(OrAssigned, |=, &=)
MUTATION_ASSIGNMENT(AndAssigned, &=, |=)

// `++x` is `Increment{} ->* x`, `x++` is `x ->* Increment{}`: nothing but a postfix binds closer.
#define MUTATION_STEP(Name, op, other)                         \
  template <int number>                                        \
  struct Name {                                                \
    template <class T>                                         \
    friend constexpr decltype(auto) operator->*(Name, T&& x) { \
      return On(number) ? other x : op x;                      \
    }                                                          \
    template <class T>                                         \
    friend constexpr auto operator->*(T&& x, Name) {           \
      return On(number) ? x other : x op;                      \
    }                                                          \
  };

MUTATION_STEP(Increment, ++, --)
MUTATION_STEP(Decrement, --, ++)

}  // namespace mutation
