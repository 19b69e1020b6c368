import { task } from 'cowait'

export const broken = task(async () => {
  return (
})
