export const where = import.meta.url
export const text = 'own package'
