// The desk's token, asked once and kept for the session of this tab only.

const KEY = "desk-token";

export const token = () => sessionStorage.getItem(KEY) || "";
export const setToken = (text) => sessionStorage.setItem(KEY, text);
export const forgetToken = () => sessionStorage.removeItem(KEY);
