/** The most memory of the supervisor's process while 50 containers are alive, against what it may take. */
import { peakOf } from '../lib/many-calls.mjs'
import { withoutDocker } from '../lib/raw-docker.mjs'

export const name = 'docker-memory'
export const goal = 1
export const unit = 'MiB'
export const rounds = 1
export const warmUps = 0
export const without = withoutDocker

export async function floor() {
  return 120
}

export async function subject() {
  const options = ['--engine', 'docker', '--concurrency', '51', '-i', 'count=50', '-i', 'seconds=40']
  return (await peakOf('bench/tasks/in-docker.mjs:alive', options)).peakMiB
}
