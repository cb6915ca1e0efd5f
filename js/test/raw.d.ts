// Files whose text a test imports.
declare module "*?raw" {
  const text: string;
  export default text;
}
