import pc from 'picocolors'

export type Colours = ReturnType<typeof pc.createColors>

/** Paints text, or leaves it as it is where colours are not wanted. */
export function coloursFor(wanted: boolean): Colours {
  return pc.createColors(wanted)
}

/** Whether a stream gets colours: a terminal, unless NO_COLOR, TERM=dumb or FORCE_COLOR say otherwise. */
export function wantsColours(isTerminal: boolean, env: NodeJS.ProcessEnv): boolean {
  if (env['NO_COLOR']) return false
  const force = env['FORCE_COLOR']
  if (force !== undefined) return force !== '0' && force !== 'false'
  return isTerminal && env['TERM'] !== 'dumb'
}
