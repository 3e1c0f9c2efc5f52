# What serves models, in an environment in the cache; sourced, not run.
# shellcheck shell=bash

packages=(crunch-model-runner==0.4.2 condorgame==0.5.3)

# A Python that the packages can be installed with.
find_python() {
  local python check='import sys, ensurepip; sys.exit(not (3, 12) <= sys.version_info < (3, 14))'
  for python in "${ALLORA_MODELS_PYTHON:-}" python3.13 python3.12 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/python3; do
    [[ -n $python ]] || continue
    if "$python" -c "$check" >/dev/null 2>&1; then
      printf '%s\n' "$python"
      return
    fi
  done
  die "no Python 3.12 or 3.13 was found; install one, or name it in ALLORA_MODELS_PYTHON"
}

# Makes an environment with these packages unless it is there: `provide FOLDER PACKAGE…`.
provide() {
  local folder=$1 wanted python
  shift
  wanted=$(printf '%s\n' "$@")
  mkdir -p "$cache"
  # Two that start at once must not both install.
  exec 8>"$folder.lock"
  ! command -v flock >/dev/null || flock 8
  if [[ ! -x $folder/bin/python || $(cat "$folder/installed" 2>/dev/null) != "$wanted" ]]; then
    python=$(find_python)
    say "installing $* into $folder" >&2
    rm -rf "$folder"
    "$python" -m venv "$folder" >&2 || die "no virtual environment could be made; install Python's venv"
    "$folder/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 \
      || die "pip did not install $*; see the lines above (a way to PyPI is needed)"
    printf '%s' "$wanted" >"$folder/installed"
  fi
  exec 8>&-
}

# Prints the program that serves a model.
provide_runner() {
  provide "$cache/models-venv" "${packages[@]}"
  printf '%s\n' "$cache/models-venv/bin/model-runner"
}
