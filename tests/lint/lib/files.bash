# Which files of the repository the checks read: those that git tracks or would (not the ignored ones); without git, all.
# shellcheck shell=bash

# repository_files: null-terminated paths.
repository_files() {
  if git rev-parse --is-inside-work-tree >/dev/null 2>&1; then
    git ls-files -z --cached --others --exclude-standard --deduplicate | while IFS= read -r -d '' file; do
      [[ ! -f $file ]] || printf '%s\0' "$file"
    done
  else
    find . -type f -not -path './build*' -not -path './.resmon/*' -not -path '*/node_modules/*' -printf '%P\0'
  fi
}

# shell_files: those whose name or first line says so.
shell_files() {
  local file line
  repository_files | while IFS= read -r -d '' file; do
    case $file in
      *.sh | *.bash | *.bats) printf '%s\0' "$file" ;;
      *.*) ;;
      *)
        line=
        IFS= read -r line 2>/dev/null <"$file" || true
        [[ ${line//[^[:print:]]/} != '#!'*sh ]] || printf '%s\0' "$file"
        ;;
    esac
  done 2>/dev/null
}
