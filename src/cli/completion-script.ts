/** The lines that a shell's start-up file evaluates. Each asks `cowait complete`, and takes files where that says nothing. */
export const completionScripts: Readonly<Record<'bash' | 'zsh' | 'fish', string>> = {
  bash: `# eval "$(cowait completion bash)"
_cowait() {
  local IFS=$'\\n' line=\${COMP_LINE:0:COMP_POINT}
  local words
  IFS=' ' read -r -a words <<<"$line"
  [[ $line == *' ' ]] && words+=('')
  COMPREPLY=($("\${words[0]}" complete -- "\${words[@]:1}" 2>/dev/null))
  [[ \${#COMPREPLY[@]} -eq 1 && \${COMPREPLY[0]} == *= ]] && compopt -o nospace
  # Readline takes these for the end of a word.
  local typed=\${words[\${#words[@]}-1]} breaks=\${COMP_WORDBREAKS//[^:=]/}
  local begun=\${typed%"\${typed##*[$breaks]}"}
  [[ -n $breaks && -n $begun ]] && COMPREPLY=("\${COMPREPLY[@]#"$begun"}")
}
complete -o default -F _cowait cowait
`,
  zsh: `# eval "$(cowait completion zsh)"
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_cowait() {
  local -a found
  found=("\${(@f)$("\${words[1]}" complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -z $found ]]; then
    _files
  else
    compadd -- "\${(@)found:#*=}"
    compadd -S '' -- "\${(@M)found:#*=}"
  fi
}
compdef _cowait cowait
`,
  fish: `# cowait completion fish | source
function __cowait_complete
  set -l words (commandline -opc)
  set -l typed (commandline -ct)
  set -l found ($words[1] complete -- $words[2..-1] "$typed" 2>/dev/null)
  if set -q found[1]
    printf '%s\\n' $found
  else
    __fish_complete_path "$typed"
  end
end
complete -c cowait -f -a '(__cowait_complete)'
`,
}
