import { resolve } from 'node:path'
import { chooseTarget } from '../../project/choose-target.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { columnsText } from '../table.ts'

interface ClusterFlags {
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

/** Shows the named targets of the config, with their engines. */
export async function listClusters(flags: ClusterFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(cwd, flags, cwd)
  const clusters = Object.keys(project.config.clusters ?? {}).map((name) => {
    const { engine = 'by itself', settings } = chooseTarget(project, name)
    return { name, engine, settings, isDefault: name === project.config.defaultCluster }
  })
  const { stdout, stderr } = io
  if (flags.json) stdout.write(`${JSON.stringify(clusters, null, stdout.isTerminal ? 2 : undefined)}\n`)
  else if (clusters.length === 0) stderr.write(`no clusters in ${project.configFile ?? `${project.root}, which has no config file`}\n`)
  else {
    const rows = clusters.map(({ name, engine, settings, isDefault }) => [
      name + (isDefault ? ' (default)' : ''),
      engine,
      Object.entries(settings)
        .map(([key, value]) => `${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
        .join(' '),
    ])
    stdout.write(columnsText(rows))
  }
  return exitCodes.done
}
