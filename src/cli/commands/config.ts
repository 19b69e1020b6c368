import { resolve } from 'node:path'
import { defaultWidth } from '../../client/width.ts'
import { isRecord } from '../../core/option-checks.ts'
import { chooseTarget } from '../../project/choose-target.ts'
import { readVariables } from '../../project/read-variables.ts'
import { exitCodes } from '../exit-code.ts'
import type { Io } from '../io.ts'
import { openProject } from '../open-project.ts'
import { columnsText } from '../table.ts'

interface ConfigFlags {
  readonly cluster?: string
  readonly json?: boolean
  readonly cwd?: string
  readonly config?: string
}

interface Setting {
  readonly key: string
  readonly value: unknown
  readonly from: string
}

/** Shows what the config comes to and where each value is from. Values of variables are never shown. */
export async function config(flags: ConfigFlags, io: Io): Promise<number> {
  const cwd = resolve(io.cwd, flags.cwd ?? '.')
  const project = await openProject(cwd, flags, cwd)
  chooseTarget(project, flags.cluster)
  const settings = new Map<string, Setting>()
  const set = (key: string, value: unknown, from: string): void => {
    settings.delete(key)
    settings.set(key, { key, value: /(^|\.)env\.[^.]*$/.test(key) ? '***' : value, from })
  }
  set('project', project.root, project.loose ? 'the working directory' : 'found')
  set('engine', 'docker where it answers, else process', 'default')
  set('concurrency', defaultWidth(), 'default: cores and memory')
  for (const { file, config: layer } of project.layers) for (const [key, value] of leaves(layer)) set(key, value, file)
  const cluster = flags.cluster ?? project.config.defaultCluster
  for (const [key, value] of leaves(project.config.clusters?.[cluster ?? ''] ?? {})) set(key, value, `cluster ${cluster}`)
  for (const path of [project.config.envFile ?? []].flat()) {
    for (const name of Object.keys(readVariables([path], project.root, 'envFile'))) set(`env.${name}`, '***', path)
  }
  if (io.env['COWAIT_ENGINE']) set('engine', io.env['COWAIT_ENGINE'], 'COWAIT_ENGINE')
  const { stdout } = io
  const all = [...settings.values()]
  if (flags.json) stdout.write(`${JSON.stringify(all, null, stdout.isTerminal ? 2 : undefined)}\n`)
  else stdout.write(columnsText(all.map(({ key, value, from }) => [key, typeof value === 'string' ? value : JSON.stringify(value), from])))
  return exitCodes.done
}

/** The values of an object by their dotted keys, however deep. */
function leaves(object: object, before = ''): [key: string, value: unknown][] {
  return Object.entries(object).flatMap(([key, value]: [string, unknown]) => {
    if (value === undefined || key === '$schema') return []
    return isRecord(value) ? leaves(value, `${before}${key}.`) : [[before + key, value] as [string, unknown]]
  })
}
