// The source of another script, as pages/ui/shared/scripts.py puts it in.
declare module "*?text" {
  const source: string;
  export default source;
}
