import { task } from 'cowait'

export const hello = task({
  description: 'Greets.',
  input: undefined,
  async run({ name = 'world' }: { name?: string }) {
    return `hello ${name}`
  },
})
