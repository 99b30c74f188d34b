#include "completion/shell_scripts.h"

namespace dispatchctl::cli {
namespace {

constexpr std::string_view kBash = R"script(# Completion of dispatchctl for bash 4.3 or newer.
# Now: source <(dispatchctl completion bash)
# Always: dispatchctl completion bash > ~/.local/share/bash-completion/completions/dispatchctl

_dispatchctl() {
  # Readline splits words at = : @ too; dispatchctl does not.
  local rest=${COMP_LINE:0:COMP_POINT} trimmed piece i
  local -a words=()
  for ((i = 0; i <= COMP_CWORD; i++)); do
    trimmed=${rest#"${rest%%[![:space:]]*}"}
    piece=${COMP_WORDS[i]}
    ((i < COMP_CWORD)) || piece=$trimmed
    if [[ $trimmed == "$rest" ]] && ((i > 0)); then
      words[-1]+=$piece
    else
      words+=("$piece")
    fi
    rest=${trimmed#"$piece"}
  done
  local current=${words[-1]} program=${words[0]}
  # An alias is no program.
  type -P -- "$program" > /dev/null || program=dispatchctl

  local -a lines=()
  mapfile -t lines < <(command "$program" __complete "${words[@]:1}" 2> /dev/null)
  ((${#lines[@]} > 0)) || return 0
  local directive=${lines[-1]} line
  unset 'lines[-1]'
  COMPREPLY=()
  for line in "${lines[@]}"; do
    COMPREPLY+=("${line%%$'\t'*}")
  done
  if [[ $directive == :files* ]]; then
    local prefix=${directive#:files}
    prefix=${prefix# }
    while IFS= read -r line; do
      COMPREPLY+=("$prefix$line")
    done < <(compgen -f -- "${current#"$prefix"}")
    compopt -o filenames 2> /dev/null
  fi
  # Readline replaces only what is behind the last place it splits at.
  local separator head=
  for separator in = : @; do
    if [[ $COMP_WORDBREAKS == *"$separator"* && $current == *"$separator"* ]]; then
      piece=${current%"${current##*"$separator"}"}
      ((${#piece} <= ${#head})) || head=$piece
    fi
  done
  for ((i = 0; i < ${#COMPREPLY[@]}; i++)); do
    COMPREPLY[i]=${COMPREPLY[i]#"$head"}
  done
}

complete -F _dispatchctl dispatchctl
)script";

constexpr std::string_view kZsh = R"script(#compdef dispatchctl
# Completion of dispatchctl for zsh.
# Now: source <(dispatchctl completion zsh)
# Always: dispatchctl completion zsh > a file named _dispatchctl in a directory of $fpath

_dispatchctl() {
  local program=${(Q)words[1]} line directive prefix
  local -a lines described
  # An alias is no program.
  whence -p -- "$program" > /dev/null || program=dispatchctl
  lines=("${(@f)$(command "$program" __complete "${(@Q)words[2,CURRENT-1]}" "${(Q)PREFIX}" 2> /dev/null)}")
  directive=${lines[-1]}
  for line in "${(@)lines[1,-2]}"; do
    described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( $#described )); then
    _describe -t words 'dispatchctl' described
  fi
  if [[ $directive == :files* ]]; then
    prefix=${${directive#:files}# }
    [[ -z $prefix ]] || compset -P "${(b)prefix}"
    _files
  fi
}

# As a file of $fpath this is the function's body; sourced it is not.
if [[ $funcstack[1] == _dispatchctl ]]; then
  _dispatchctl "$@"
else
  compdef _dispatchctl dispatchctl
fi
)script";

constexpr std::string_view kFish = R"script(# Completion of dispatchctl for fish.
# Now: dispatchctl completion fish | source
# Always: dispatchctl completion fish > ~/.config/fish/completions/dispatchctl.fish

function __dispatchctl_complete
    set -l words (commandline -opc)
    set -e words[1]
    set -l current (commandline -ct)
    for line in (command dispatchctl __complete $words "$current" 2> /dev/null)
        switch $line
            case ':words'
            case ':files*'
                set -l prefix (string replace -r '^:files ?' '' -- $line)
                set -l begun (string sub -s (math (string length -- "$prefix") + 1) -- "$current")
                for path in (__fish_complete_path "$begun")
                    printf '%s%s\n' "$prefix" $path
                end
            case '*'
                printf '%s\n' $line
        end
    end
end

complete -c dispatchctl -f -a '(__dispatchctl_complete)'
)script";

}  // namespace

std::string_view CompletionScript(std::string_view shell) {
  if (shell == "bash") return kBash;
  if (shell == "zsh") return kZsh;
  if (shell == "fish") return kFish;
  return {};
}

}  // namespace dispatchctl::cli
