import { randomBytes } from 'node:crypto'
import type { Mount, WorkerSpec } from '../core/engine.ts'
import type { RunVolume } from '../core/options.ts'
import type { TreeRef } from '../core/tree.ts'
import type { RunRecord } from './tree-messages.ts'

/** What the engine is told about the worker of a run. The run's input and variables are not in it: they travel on the channel. */
export function workerSpec(run: RunRecord, code: TreeRef, owner: string): WorkerSpec {
  const { image, cpuMillis, memoryRequest, memoryLimit, gpu, volumes = {}, ports = {}, tags = {} } = run.options
  return {
    id: `w${randomBytes(8).toString('hex')}`,
    owner,
    name: run.id,
    ...(image === undefined ? {} : { image }),
    code,
    resources: {
      ...(cpuMillis === undefined ? {} : { cpuMillis }),
      ...(memoryRequest === undefined ? {} : { memoryRequest }),
      ...(memoryLimit === undefined ? {} : { memoryLimit }),
      ...(gpu === undefined ? {} : { gpu }),
    },
    mounts: Object.entries(volumes).map(([path, volume]) => toMount(path, volume)),
    ports,
    labels: tags,
    settings: {},
  }
}

function toMount(path: string, volume: RunVolume): Mount {
  return { path, ...volume }
}
