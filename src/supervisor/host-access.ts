import { UsageError } from '../core/errors.ts'
import type { RunOptions, RunVolume } from '../core/options.ts'
import type { RunRecord } from './tree-messages.ts'

/** Whose workers see the host anyway: its own processes, and a test's own. */
const hostEngines: ReadonlySet<string> = new Set(['process', 'memory'])

/**
 * What a call may have of the host. A run in a container or pod has no more of it for its calls than it has itself, or than the definition
 * of the called task says as the host reads it (`defined`; undefined where it cannot): whoever has taken over such a run can write any
 * option into a call. Throws a `UsageError` for engine `process`, and for folders, that only the call names.
 */
export async function checkHostAccess(
  name: string,
  options: RunOptions,
  caller: Pick<RunRecord, 'id' | 'engine' | 'options'> | undefined,
  defined: () => Promise<RunOptions | undefined>,
): Promise<void> {
  if (!caller || hostEngines.has(caller.engine)) return
  const folders = Object.entries(options.volumes ?? {}).flatMap(([path, volume]) =>
    'bind' in volume && !isWithin(volume, caller.options.volumes?.[path]) ? [[path, volume] as const] : [],
  )
  const asksForHost = options.engine === 'process'
  if (!asksForHost && folders.length === 0) return
  const definition = await defined()
  const refuse = (what: string, advice: string): never => {
    const unread = definition ? '' : ` The host cannot read that: export the task, and see "cowait check".`
    throw new UsageError(
      `its caller ${caller.id} is on engine ${caller.engine}, where a call alone cannot name ${what}. ${advice}${unread}`,
    )
  }
  if (asksForHost && definition?.engine !== 'process')
    refuse('engine "process", which is the host', `Write engine: 'process' into the definition of ${name}.`)
  for (const [path, volume] of folders) {
    const own = definition?.volumes?.[path]
    if (isWithin(volume, own)) continue
    const says =
      own && 'bind' in own && own.bind !== volume.bind ? ` The host reads ${JSON.stringify(own.bind)} there: write it out in full.` : ''
    refuse(
      `a folder of the host, ${JSON.stringify(volume.bind)} for ${path}`,
      `Write the volume into the definition of ${name}, or into the config.${says}`,
    )
  }
}

/** Whether a folder is one that is granted, with no more rights. */
function isWithin(folder: Extract<RunVolume, { bind: string }>, granted: RunVolume | undefined): boolean {
  return !!granted && 'bind' in granted && folder.bind === granted.bind && (folder.readOnly || !granted.readOnly)
}
