import { join } from 'node:path'
import { installOriginal, without as missing } from './peer.mjs'
import { withoutDocker } from './raw-docker.mjs'
import { command, root } from './spawned.mjs'

/** A case of one command of the original Cowait on Docker, and one of ours. */
export function againstOriginal(theirs, ours) {
  let peer
  return {
    without: () => withoutDocker() || missing('python3', 'debootstrap'),
    open() {
      peer = installOriginal('0.5.0', 'cowait/task')
    },
    close: () => peer.remove(),
    floor: async () => await command([peer.program, 'run', ...theirs], { cwd: peer.project })(),
    subject: command([process.execPath, '../dist/cli.js', 'run', ...ours, '--engine', 'docker'], { cwd: join(root, 'examples') }),
  }
}
