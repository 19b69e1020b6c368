import { UsageError } from '../core/errors.ts'
import type { RunOptions, RunVolume } from '../core/options.ts'
import type { RunRecord } from './tree-messages.ts'

/** Whose workers see the host anyway: its own processes, and a test's own. */
const hostEngines: ReadonlySet<string> = new Set(['process', 'memory'])

/**
 * The options of a call with what its caller may have of the host. A run in a container or pod has no more of it for its calls than it has
 * itself, or than the definition of the called task says as the host reads it (`defined`): whoever has taken over such a run can write any
 * option into a call. A folder is the definition's own, which paths of the caller's surroundings do not change.
 * Throws a `UsageError` for engine `process`, and for folders, that only the call names.
 */
export async function grantHost(
  name: string,
  options: RunOptions,
  caller: Pick<RunRecord, 'id' | 'engine' | 'options'> | undefined,
  defined: () => Promise<RunOptions>,
): Promise<RunOptions> {
  if (!caller || hostEngines.has(caller.engine)) return options
  const folders = Object.entries(options.volumes ?? {}).filter(([, volume]) => 'bind' in volume)
  const asksForHost = options.engine === 'process'
  if (!asksForHost && folders.length === 0) return options
  const definition = await defined()
  const from = `its caller ${caller.id} is on engine ${caller.engine}, where a call alone cannot name`
  if (asksForHost && definition.engine !== 'process')
    throw new UsageError(`${from} engine "process", which is the host. Write engine: 'process' into the definition of ${name}.`)
  const volumes: Record<string, RunVolume> = { ...options.volumes }
  for (const [path, volume] of folders) {
    const own = definition.volumes?.[path]
    if (own && 'bind' in own) volumes[path] = own
    else if (!isSameFolder(volume, caller.options.volumes?.[path]))
      throw new UsageError(
        `${from} a folder of the host, ${JSON.stringify('bind' in volume ? volume.bind : '')} for ${path}. Write the volume into the definition of ${name}, or into the config.`,
      )
  }
  return folders.length === 0 ? options : { ...options, volumes }
}

function isSameFolder(one: RunVolume, other: RunVolume | undefined): boolean {
  return !!other && 'bind' in one && 'bind' in other && one.bind === other.bind && (one.readOnly || !other.readOnly)
}
