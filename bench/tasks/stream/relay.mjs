import { contract, task } from 'cowait'

/** Gives back what its caller gives it. */
export const relay = task({
  parent: contract(),
  async *run(_, { parent }) {
    for await (const chunk of parent.source()) yield chunk
  },
})
