import { UsageError } from '../../core/errors.ts'
import type { Io } from '../io.ts'
import type { RunFlags } from '../run-flags.ts'
import type { View, ViewContext } from './view.ts'

/** The view that the flags ask for; by itself the live tree on a terminal that can redraw, else plain lines. */
export async function createView(flags: RunFlags, io: Io, context: ViewContext): Promise<View> {
  const asked = [flags.json && '--json', flags.ndjson && '--ndjson', flags.quiet && '--quiet'].filter(Boolean)
  if (asked.length > 1) throw new UsageError(`${asked.join(' and ')} exclude each other; give one`)
  if (flags.json) return new (await import('./json.ts')).JsonView(context)
  if (flags.ndjson) return new (await import('./ndjson.ts')).NdjsonView(context)
  if (flags.quiet) return new (await import('./quiet.ts')).QuietView(context)
  if (wantsTree(flags, io)) {
    const { TreeView } = await import('./tree/tree-view.ts')
    return new TreeView(context, { unicode: speaksUnicode(io.env) })
  }
  return new (await import('./plain.ts')).PlainView(context)
}

function wantsTree({ progress = 'auto' }: RunFlags, { stderr, env }: Io): boolean {
  if (progress !== 'auto') return progress === 'tree'
  return stderr.isTerminal && env['TERM'] !== 'dumb' && !env['CI']
}

function speaksUnicode(env: NodeJS.ProcessEnv): boolean {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || ''
  return process.platform === 'darwin' || /utf-?8/i.test(locale)
}
