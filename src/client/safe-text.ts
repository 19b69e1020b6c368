/**
 * Makes what a task printed harmless on a terminal: colours stay (or go, where there is none), everything else that moves the
 * cursor, changes the title or rings the bell is shown as text. A tab stays a tab.
 */
// oxlint-disable-next-line no-control-regex
const SUSPECT = /[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/
// oxlint-disable-next-line no-control-regex
const PIECES = /\u001b\[[0-9;:]*m|[\u0000-\u0008\u000a-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g

export function safeText(text: string, colours: boolean): string {
  const line = text.endsWith('\r') ? text.slice(0, -1) : text
  if (!SUSPECT.test(line)) return line
  let coloured = false
  const safe = line.replace(PIECES, (piece) => {
    if (piece.length === 1) return visible(piece)
    if (!colours) return ''
    coloured = true
    return piece
  })
  return coloured ? `${safe}\u001b[0m` : safe
}

function visible(control: string): string {
  const code = control.charCodeAt(0)
  if (code === 10) return '\\n'
  if (code === 13) return '\\r'
  return code < 256 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u${code.toString(16)}`
}
