// The package says nothing of its types.

declare module 'swagger-ui-dist/swagger-ui-es-bundle.js' {
  const SwaggerUI: (options: Readonly<Record<string, unknown>>) => void;
  export default SwaggerUI;
}
